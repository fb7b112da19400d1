#!/usr/bin/env python3
"""Holds slotbench's statistics against SciPy on random inputs.

Usage: statistics.py FILE, with what `evidence statistics SEED CASES` printed. Exit code 1 when something differs by more
than the stated precision.

Tests and effects come from SciPy itself. The intervals are recomputed from its null distributions by their definition:
all shifts that the test does not reject. E-divisive is not in SciPy; it is written here from the paper's formula, with
SciPy's distance matrix, and handed the very orders that slotbench's permutation test was handed.
"""

import itertools
import json
import math
import sys

import numpy as np
import scipy
from scipy import stats
from scipy.spatial.distance import cdist

PRECISION = 1e-9
worst = {}


def check(what, ours, theirs):
    if ours is None or theirs is None:
        difference = 0.0 if ours is theirs else float("inf")
    else:
        difference = abs(ours - theirs)
    count, most = worst.get(what, (0, 0.0))
    worst[what] = (count + 1, max(most, difference))


def rank_sum_p(new, base):
    """As slotbench chooses: exact up to 56 values, with ties by counting every choice; else normal."""
    if len(new) + len(base) > 56:
        return stats.mannwhitneyu(new, base, method="asymptotic", use_continuity=True).pvalue
    if len(set(new + base)) == len(new + base):
        return stats.mannwhitneyu(new, base, method="exact").pvalue
    if min(len(new), len(base)) == 1:
        # SciPy wants two of each: every value in turn is the single one.
        ranks = stats.rankdata(new + base)
        single = ranks[0] if len(new) == 1 else ranks[-1]
        return min(1.0, 2 * min(np.mean(ranks <= single), np.mean(ranks >= single)))
    statistic = lambda x, y, axis: stats.rankdata(np.concatenate((x, y), axis=axis), axis=axis)[
        ..., : x.shape[axis]
    ].sum(axis=axis)
    test = stats.permutation_test(
        (new, base), statistic, vectorized=True, n_resamples=np.inf, permutation_type="independent", alternative="less"
    )
    more = stats.permutation_test(
        (new, base), statistic, vectorized=True, n_resamples=np.inf, permutation_type="independent", alternative="greater"
    )
    return min(1.0, 2 * min(test.pvalue, more.pvalue))


def choices(case):
    return math.comb(len(case["base"]) + len(case["new"]), len(case["new"]))


def rank_sum_steps(new, base, tail):
    """How many differences at either end shifts may pass that the test rejects."""
    n, m = len(new), len(base)
    if n + m <= 56:
        steps = 0
        while steps <= n * m and u_at_most(steps, n, m) <= tail:
            steps += 1
        return steps
    mean, deviation = n * m / 2, np.sqrt(n * m * (n + m + 1) / 12)
    steps = 0
    while steps < n * m / 2 and stats.norm.sf((mean - steps - 0.5) / deviation) <= tail:
        steps += 1
    return steps


def u_at_most(u, n, m):
    """P(U <= u): SciPy's one-sided p-value of samples that have that U."""
    shift, rest = divmod(u, n)
    ranks = [place + shift + (1 if place > n - rest else 0) for place in range(1, n + 1)]
    others = sorted(set(range(1, n + m + 1)) - set(ranks))
    return stats.mannwhitneyu(ranks, others, alternative="less", method="exact").pvalue


def w_at_most(w, n):
    """P(W <= w): SciPy's one-sided p-value of differences that have that W."""
    signs, rest = np.full(n, -1.0), w
    for rank in range(n, 0, -1):
        if rank <= rest:
            signs[rank - 1], rest = 1.0, rest - rank
    return stats.wilcoxon(signs * np.arange(1, n + 1), alternative="less", method="exact").pvalue


def ends(sorted_values, steps):
    if steps == 0:
        return None, None
    return sorted_values[steps - 1], sorted_values[len(sorted_values) - steps]


def check_rank_sum(case):
    base, new, ours = case["base"], case["new"], case["answer"]
    tied = len(set(base + new)) < len(base + new)
    if tied and len(base) + len(new) <= 56 and choices(case) > 200_000:
        return  # too many choices to count one by one
    differences = np.sort(np.subtract.outer(new, base).ravel())
    low, high = ends(differences, rank_sum_steps(new, base, case["alpha"] / 2))
    u = stats.mannwhitneyu(new, base).statistic
    kind = "ties" if tied else "no ties"
    size = "normal" if len(base) + len(new) > 56 else "exact"
    check(f"rank sum, {size}, {kind}: p", ours["p"], rank_sum_p(new, base))
    check("rank sum: estimate", ours["estimate"], float(np.median(differences)))
    check("rank sum: lower end", ours["interval"][0], low)
    check("rank sum: upper end", ours["interval"][1], high)
    check("rank sum: effect", ours["effect"], 2 * u / (len(base) * len(new)) - 1)
    if len(base) > 1:
        check("robust deviation", case["deviation"], stats.median_abs_deviation(base, scale="normal"))


def check_signed_rank(case):
    differences, ours = np.array(case["differences"]), case["answer"]
    n = len(differences)
    moved = differences[differences != 0]
    ranks = stats.rankdata(np.abs(moved))
    untied = len(set(np.abs(moved))) == len(moved) == n
    above = ranks[moved > 0].sum()
    if untied:
        check("signed rank, no ties: p", ours["p"], stats.wilcoxon(differences, method="exact").pvalue)
    elif len(moved) <= 16:
        sums = np.array([np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(moved))])
        p = min(1.0, 2 * min(np.mean(sums <= above + 1e-9), np.mean(sums >= above - 1e-9)))
        check("signed rank, ties: p", ours["p"], p)
    walsh = np.sort([(differences[i] + differences[j]) / 2 for i in range(n) for j in range(i, n)])
    steps = 0
    while steps <= n * (n + 1) // 2 and w_at_most(steps, n) <= case["alpha"] / 2:
        steps += 1
    low, high = ends(walsh, steps)
    check("signed rank: estimate", ours["estimate"], float(np.median(walsh)))
    check("signed rank: lower end", ours["interval"][0], low)
    check("signed rank: upper end", ours["interval"][1], high)
    total = ranks.sum()
    check("signed rank: effect", ours["effect"], 2 * above / total - 1 if total else 0.0)


def check_holm(case):
    p = np.array(case["p"])
    order = np.argsort(p)
    stepped = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    theirs = np.empty_like(p)
    theirs[order] = stepped
    for one, other in zip(case["adjusted"], theirs):
        check("Holm", one, other)


def best_split(values, least):
    distances = cdist(values[:, None], values[:, None])
    best = (None, 0.0)
    for end in range(2 * least, len(values) + 1):
        for split in range(least, end - least + 1):
            m, n = split, end - split
            across = distances[:split, split:end].sum() * 2 / (m * n)
            left = distances[:split, :split].sum() / (m * (m - 1))
            right = distances[split:end, split:end].sum() / (n * (n - 1))
            statistic = m * n / (m + n) * (across - left - right)
            if statistic > best[1]:
                best = (split, statistic)
    return best


def check_change_points(case):
    values, orders = np.array(case["values"]), iter(case["orders"])
    least, alpha, permutations = case["min_segment"], case["alpha"], case["permutations"]
    found, todo = [], [(0, len(values))]
    while todo:
        start, end = todo.pop()
        part = values[start:end]
        split, statistic = best_split(part, least)
        if split is None:
            continue
        as_good = 1
        for _ in range(permutations):
            _, other = best_split(part[next(orders)], least)
            as_good += other >= statistic * (1 - 1e-12)
            if as_good / (permutations + 1) > alpha:
                break
        else:
            found.append((start + split, statistic, as_good / (permutations + 1)))
            todo += [(start + split, end), (start, start + split)]
    found.sort()
    check("change points: how many", len(case["answer"]), len(found))
    for ours, (index, statistic, p) in zip(case["answer"], found):
        check("change points: place", ours["index"], index)
        check("change points: statistic", ours["statistic"], statistic)
        check("change points: p", ours["p"], p)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases["rank_sum"]:
        check_rank_sum(case)
    for case in cases["signed_rank"]:
        check_signed_rank(case)
    for case in cases["holm"]:
        check_holm(case)
    for case in cases["change_points"]:
        check_change_points(case)
    print(f"SciPy {scipy.__version__}; equal: within {PRECISION:g}")
    print(f"{'':<34} {'compared':>8} {'largest difference':>20}")
    for what, (count, difference) in sorted(worst.items()):
        print(f"{what:<34} {count:>8} {difference:>20.1e}")
    wrong = [what for what, (_, difference) in worst.items() if not difference <= PRECISION]
    print("all equal" if not wrong else f"DIFFERENT: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
