"""An explanation agrees with the lists it explains, for a pair that was found and for one that was missed."""

import numpy as np
import pytest

from candidates.errors import UnknownId
from service.answers.explanation import Explainer
from service.files.candidate_files import read_candidates
from service.neighbours import depths
from service.neighbours.open import open_image, open_text


@pytest.fixture(scope="module")
def explainer(finished):
    return Explainer(finished)


def known_pair(job, found):
    """The first known pair that is (or is not) among the candidates."""
    read = read_candidates(job.folder.candidates, job.catalogue.axis)
    for query in job.truth("evaluation").queries().tolist():
        rows = read.ranked(query)[0]
        for variant in job.truth("evaluation").variants(np.array([query]))[1].tolist():
            if (variant in rows) == found:
                return query, variant, rows
    raise AssertionError("the drawn catalogue has no such pair")


@pytest.mark.parametrize("found", [True, False])
def test_ranks_are_those_of_the_lists(finished, explainer, found):
    query, variant, rows = known_pair(finished, found)
    why = explainer.explain(finished.catalogue.axis[query], finished.catalogue.axis[variant])
    assert why.truth == "variant"
    assert why.rank == (rows.tolist().index(variant) + 1 if found else None)
    assert bool(why.brought_by) == found
    for place, lookup in ((why.text, open_text(finished)), (why.image, open_image(finished))):
        ranked = lookup.neighbours(np.array([query]), depths.within(finished, depths.EXPLAINING)).ranked(0)[0].tolist()
        assert place.rank == (ranked.index(variant) + 1 if variant in ranked else None)


def test_the_hop_it_names_reaches_the_product(finished, explainer):
    query, variant, _ = known_pair(finished, True)
    why = explainer.explain(finished.catalogue.axis[query], finished.catalogue.axis[variant])
    if why.hop is not None:
        seed = finished.catalogue.axis.row_of(why.hop.via)
        nearest = open_image(finished).neighbours(np.array([seed]), why.hop.image_rank).ranked(0)[0]
        assert nearest[why.hop.image_rank - 1] == variant
    else:
        assert why.text.rank is not None


def test_a_pair_of_two_groups_is_known_not_to_be_variants(finished, explainer):
    truth = finished.truth("evaluation")
    groups, scopes = truth.groups, truth.scopes
    one = int(np.flatnonzero(groups >= 0)[0])
    other = int(np.flatnonzero((groups >= 0) & (groups != groups[one]) & (scopes == scopes[one]))[0])
    axis = finished.catalogue.axis
    assert explainer.explain(axis[one], axis[other]).truth == "not a variant"


def test_an_unknown_id_is_named(explainer):
    with pytest.raises(UnknownId, match="nobody"):
        explainer.explain("nobody", "nobody either")
