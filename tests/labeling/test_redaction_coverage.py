"""Recall and over-redaction, by hand."""

from labeling.redaction.coverage import covered, painted
from labeling.redaction.regions import Region


def test_three_quarters_of_a_box_must_lie_under_the_regions():
    # 10 × 10 boxes in 20 × 40; the first is covered by 7.5 + 0.5 rows of pixels touched: 8 of 10; the second by 7 of 10
    first, second = (0, 0, 10, 10), (20, 0, 10, 10)
    regions = [Region("face", 0, 0, 10, 7.5, 1, "x"), Region("face", 20, 0, 10, 7, 1, "x")]
    assert covered(regions, [first, second], (20, 40)) == ([True, False], 0.0)


def test_over_redaction_leaves_out_truth_and_ignored_boxes():
    # the region touches 100 of 800 pixels; 50 of them are truth, 25 ignored: 25 of 800
    hits, over = covered([(0, 0, 10, 10)], [(0, 0, 10, 5)], (20, 40), ignore=[(0, 5, 5, 5)])
    assert (hits, over) == ([True], 25 / 800)


def test_boxes_outside_the_picture():
    assert not painted([(-20, -20, 10, 10)], 20, 40).any()
    assert covered([], [(50, 50, 5, 5)], (20, 40)) == ([False], 0.0)
    assert covered([], [], (20, 40)) == ([], 0.0)
