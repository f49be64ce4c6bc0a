"""Registration of the test environments, once per process."""

import multiprocessing

from tests.environments import odd as odd_environments
from tests.environments import registered as environments

environments.register()
odd_environments.register()
# Forked children inherit the registrations. TorchRL, which some tests import, sets `spawn`.
multiprocessing.set_start_method("fork", force=True)
