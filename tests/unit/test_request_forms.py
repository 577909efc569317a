import pytest

from damascus.domain.request_forms import RequestForms, other_form

REQUEST = {"model": "m", "messages": [], "max_tokens": 9, "temperature": 0.2, "stop": ["x"]}
RENAMED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)


def test_a_limit_that_goes_by_another_name_is_renamed():
    form = other_form(REQUEST, RENAMED)
    assert form == {**_without("max_tokens"), "max_completion_tokens": 9}


def test_the_other_way_round_too():
    request = {"max_completion_tokens": 9}
    said = "Unknown argument: max_completion_tokens. Did you mean max_tokens?"
    assert other_form(request, said) == {"max_tokens": 9}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"),
        ("temperature: `temperature` is deprecated for this model.", "temperature"),
        ("stop: Extra inputs are not permitted", "stop"),
        ("Unrecognized request argument supplied: max_tokens", "max_tokens"),
    ],
)
def test_what_a_model_does_not_know_is_left_out(said, name):
    assert other_form(REQUEST, said) == _without(name)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "no such model",
        "Unknown model: m",
        "max_tokens: 9000 > 4096, which is the maximum of this model",
        "Unsupported parameter: 'messages'",
        "Unsupported parameter: 'top_p'",  # it was not in the request
        "This account is not allowed to use it",
    ],
)
def test_a_refusal_that_no_other_form_mends_stays_one(said):
    assert other_form(REQUEST, said) is None


def test_a_name_that_was_refused_before_is_not_used_again():
    assert other_form(REQUEST, RENAMED, {"max_completion_tokens"}) == _without("max_tokens")


def test_a_form_is_found_in_as_many_steps_as_there_are_parameters():
    request, steps = REQUEST, 0
    while (form := other_form(request, "unsupported: max_tokens, temperature, stop")) is not None:
        request, steps = form, steps + 1
    assert (request, steps) == ({"model": "m", "messages": []}, 3)


def test_what_was_learnt_holds_for_its_model_alone():
    forms = RequestForms()
    form = other_form(REQUEST, RENAMED)
    forms.learn("m", REQUEST, other_form(form, "temperature is not supported"))
    taken = {"model": "m", "messages": [], "stop": ["x"], "max_completion_tokens": 9}
    assert forms.apply("m", REQUEST) == taken
    assert forms.apply("n", REQUEST) == REQUEST


def _without(name):
    return {key: value for key, value in REQUEST.items() if key != name}
