"""Configuration from the environment."""

from hub.config.problems import ConfigurationError, Problem
from hub.config.reader import Environment
from hub.config.settings import Settings

__all__ = ["ConfigurationError", "Environment", "Problem", "Settings"]
