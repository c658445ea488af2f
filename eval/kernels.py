"""The compiled walk behind the hop's curve; import it only where it is used."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def walk_hops(
    own: I32,
    text_offsets: I64,
    text_rows: I32,
    image_rows: I32,
    variant_offsets: I64,
    variants: I32,
    grid: I64,
    counts: I32,
    hits: I32,
) -> None:
    """Counts, for every N of a grid at once, the hop's candidates and the known variants among them.

    Args:
        own: (q,) each query's own row.
        text_offsets: (q + 1,) lists of text neighbours.
        text_rows: (m,) their rows.
        image_rows: (n, k) image neighbours of every product, −1 behind a short list.
        variant_offsets: (q + 1,) lists of known variants.
        variants: (v,) their rows.
        grid: (g,) the values of N, ascending.
        counts: (q, g) filled with the number of candidates.
        hits: (q, g) filled with the number of known variants among them.
    """
    met = np.full(len(image_rows), -1, np.int32)
    wanted = np.full(len(image_rows), -1, np.int32)
    for query in range(len(own)):
        met[own[query]] = query
        for row in variants[variant_offsets[query] : variant_offsets[query + 1]]:
            wanted[row] = query
        seeds = text_rows[text_offsets[query] : text_offsets[query + 1]]
        count, hit, point = 0, 0, 0
        for step in range(len(seeds) + 1):
            seed = own[query] if step == 0 else seeds[step - 1]
            for j in range(-1, image_rows.shape[1]):
                row = seed if j < 0 else image_rows[seed, j]
                if row >= 0 and met[row] != query:
                    met[row] = query
                    count += 1
                    hit += wanted[row] == query
            while point < len(grid) and grid[point] == step:
                counts[query, point], hits[query, point] = count, hit
                point += 1
        for behind in range(point, len(grid)):
            counts[query, behind], hits[query, behind] = count, hit
