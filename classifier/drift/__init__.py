"""What has changed in the traffic: wordings nobody has seen, unsure answers, other causes than last month's.

    store -> traffic of five weeks -> alarms that a person at 3 a.m. understands

Reads counts and decisions of templates, nothing else; it never changes an answer. The reasoning behind the thresholds:
`rules.py`; behind the test against chance: `chance.py`.
"""

from classifier.drift.alarm import Alarm, Code, Severity, Wording
from classifier.drift.report import Drift, Figure, Figures, alarms, alarms_in, alarms_of, drift, drift_of, to_document
from classifier.drift.rules import RULES, Rules

__all__ = [
    "RULES",
    "Alarm",
    "Code",
    "Drift",
    "Figure",
    "Figures",
    "Rules",
    "Severity",
    "Wording",
    "alarms",
    "alarms_in",
    "alarms_of",
    "drift",
    "drift_of",
    "to_document",
]
