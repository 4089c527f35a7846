"""What is wrong with a configuration, all of it at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, and how to mend it. Holds no secret value."""

    variable: str
    what: str
    how_to_mend: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.what}. {self.how_to_mend}."


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` names everything wrong with it, not only the first thing."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("the configuration cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
