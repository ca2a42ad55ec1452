"""What a provider says of the time at which it asked the person: a number of seconds, or nobody is let in."""

from typing import Any

import pytest

from safety.signin.provider import ProviderTrouble, _said


@pytest.mark.parametrize(
    "moment", ["yesterday", "nan", [1], {"at": 1}, True, float("nan"), float("inf"), -1, 10**400]
)
def test_a_time_that_is_none_lets_nobody_in(moment: Any, settings: Any) -> None:
    settings.OIDC = settings.OIDC | {"ISSUER": "https://id.example"}
    with pytest.raises(ProviderTrouble):
        _said({"sub": "1", "auth_time": moment})


@pytest.mark.parametrize(("moment", "seconds"), [(None, 0.0), (0, 0.0), (1790000000, 1790000000.0)])
def test_a_time_or_none_is_kept(moment: Any, seconds: float, settings: Any) -> None:
    settings.OIDC = settings.OIDC | {"ISSUER": "https://id.example"}
    assert _said({"sub": "1", "auth_time": moment}).auth_time == seconds
