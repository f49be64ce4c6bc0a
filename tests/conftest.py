"""Test environments are registered once."""

from tests import environments, odd_environments

environments.register()
odd_environments.register()
