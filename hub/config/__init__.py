"""Configuration from the environment."""

from hub.config.problems import ConfigurationError, Problem
from hub.config.reader import Environment
from hub.config.settings import Settings
from hub.config.variables import PROVIDER_VARIABLES

__all__ = ["PROVIDER_VARIABLES", "ConfigurationError", "Environment", "Problem", "Settings"]
