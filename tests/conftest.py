"""Test environments are registered once."""

import multiprocessing

from tests.environments import odd as odd_environments
from tests.environments import registered as environments

environments.register()
odd_environments.register()
# Children that are forked know them. TorchRL, which some tests import, would start children anew.
multiprocessing.set_start_method("fork", force=True)
