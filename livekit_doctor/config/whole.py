"""What only the settings as a whole can tell: defaults that depend on other keys, contradictions."""

from collections.abc import Mapping

from msgspec import structs

from livekit_doctor.config.issues import Issue, expected, shown
from livekit_doctor.diagnosis.states import says_failed, step_of_state
from livekit_doctor.flow import DEFAULT_STATES, Step, implied_by
from livekit_doctor.settings import CLOUD_BROKEN_AFTER, Allowance, Settings


def with_cloud_defaults(settings: Settings, origins: Mapping[str, str]) -> Settings:
    """LiveKit Cloud's longer defaults: hosted agents wake on demand (design section 2)."""
    if not settings.livekit.is_cloud:
        return settings
    allowances = settings.flow.allowances
    for name in ("job_assigned", "agent_connected"):
        if f"flow.allowances.{name}.broken_after" not in origins:
            longer = structs.replace(getattr(allowances, name), broken_after=CLOUD_BROKEN_AFTER)
            allowances = structs.replace(allowances, **{name: longer})
    return structs.replace(settings, flow=structs.replace(settings.flow, allowances=allowances))


def contradictions(settings: Settings, origins: Mapping[str, str]) -> list[Issue]:
    return [
        *_allowance_issues(settings, origins),
        *_always_logged_issues(settings, origins),
        *_failures_as_steps(settings, origins),
    ]


def _allowance_issues(settings: Settings, origins: Mapping[str, str]) -> list[Issue]:
    """Allowances that cannot be: a warning after the failure, or a step counted from itself."""
    issues = []
    allowances: dict[str, Allowance] = structs.asdict(settings.flow.allowances)
    for name, allowance in allowances.items():
        key = f"flow.allowances.{name}"
        slow, broken = origins.get(f"{key}.slow_after"), origins.get(f"{key}.broken_after")
        if allowance.slow_after > allowance.broken_after:
            values = f"slow_after {allowance.slow_after:g} is over broken_after {allowance.broken_after:g}"
            default = f" (the default of {'slow_after' if slow is None else 'broken_after'})"
            problem = values + (default if slow is None or broken is None else "")
            fix = f"set a broken_after of at least slow_after in {key}"
            issues.append(Issue(slow or broken or "", key, problem, fix))
        for start in allowance.after:
            if name in (start, *implied_by(start)):
                problem = f"{start} does not come before {name}, so it cannot be counted from it"
                issues.append(Issue(origins.get(f"{key}.after", ""), f"{key}.after", problem))
    return issues


def _always_logged_issues(settings: Settings, origins: Mapping[str, str]) -> list[Issue]:
    """States that are said to be always logged and map to no step would have no effect."""
    key = "call_logs.always_logged"
    states = settings.flow.states
    return [
        Issue(
            origins.get(key, ""),
            key,
            f"{shown(state)} maps to no step; {expected(state, states or DEFAULT_STATES)}",
            f"map {shown(state)} to one of {', '.join(Step)} in flow.states",
        )
        for state in settings.call_logs.missed
        if step_of_state(state, settings.flow) is None
    ]


def _failures_as_steps(settings: Settings, origins: Mapping[str, str]) -> list[Issue]:
    """A state that says that something failed shows no step to have been reached, but that the call is over."""
    return [
        Issue(
            origins.get(key, ""),
            key,
            f"{shown(state)} says that something failed, and {step} would be taken to have happened",
            "leave it out of flow.states: a failure is known by its name",
        )
        for state, step in settings.flow.states.items()
        if says_failed(state) and step is not Step.CALL_ENDED and (key := f"flow.states.{state}")
    ]
