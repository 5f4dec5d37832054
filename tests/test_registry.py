import pytest

from skinzoo.errors import ConfigError, SkinzooError, UnknownNameError
from skinzoo.registry import Registry, accepted_options, check_options, did_you_mean


@pytest.fixture
def animals() -> Registry[int]:
    registry: Registry[int] = Registry("animal")
    registry.register("cat", aliases=["tomcat"], legs=4)(1)
    registry.register("cow", legs=4)(2)
    registry.register("crow", legs=2)(3)
    return registry


def test_lookup_by_name_and_alias(animals):
    assert animals["cat"] == animals["tomcat"] == 1
    assert animals.resolve("tomcat").name == "cat"
    assert "tomcat" in animals
    assert len(animals) == 3


def test_unknown_name_suggests_close_matches_and_is_a_key_error(animals):
    with pytest.raises(UnknownNameError, match="unknown animal 'CROWW'; did you mean 'crow'") as caught:
        animals["CROWW"]
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, SkinzooError)
    assert not str(caught.value).startswith('"'), "KeyError's repr must not leak into the message"


def test_unknown_name_without_close_match_lists_what_is_known(animals):
    with pytest.raises(UnknownNameError, match="known: cat, cow, crow, tomcat"):
        animals["zzz"]


@pytest.mark.parametrize("name", ["cat", "tomcat"])
def test_a_name_is_taken_once(animals, name):
    with pytest.raises(ConfigError, match="registered twice"):
        animals.register(name)(9)


def test_names_by_pattern_and_facet_keep_the_order(animals):
    assert animals.names() == ["cat", "cow", "crow"]
    assert animals.names("c*w", legs=4) == ["cow"]
    assert animals.names(legs=None) == ["cat", "cow", "crow"]
    assert animals.names(wings=2) == []


def test_options_are_checked_against_the_signature():
    def build(request, *, dropout=0.1, head="linear"): ...

    options = accepted_options(build, skip=["request"])
    assert options == ["dropout", "head"]
    check_options({"head": 1}, options, of="net")
    with pytest.raises(
        ConfigError, match=r"net does not take the option 'droput'. Did you mean 'dropout'\? It takes: drop"
    ):
        check_options({"droput": 1}, options, of="net")
    with pytest.raises(ConfigError, match="It takes: no options"):
        check_options({"x": 1}, [], of="net")


def test_did_you_mean_ignores_case():
    assert did_you_mean("ISIC2018", ["isic2018", "binary"]) == "did you mean 'isic2018'?"
