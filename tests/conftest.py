"""Test environments are registered once."""

from tests.environments import register

register()
