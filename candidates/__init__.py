"""The shared vocabulary: the types that every other package uses.

| module | nouns |
|---|---|
| `product`, `catalogue` | `Product`, `Refusal`, `Merged`, `Catalogue` |
| `axis`, `run`, `provenance`, `vectors` | `Axis`, `Run`, `Candidates`, `Vectors` |
| `qrels`, `filters` | `Qrels`, `Filter` |
| `pairs`, `suggestion`, `projection` | `PairTable`, `Suggestion`, `Projection` |
| `contracts`, `exact`, `collapse` | `Encoder`, `Index`, exact search, from pictures to products |
| `settings`, `errors`, `artifacts` | settings, error classes, atomic files and digests |
| `schema`, `spreadsheet` | columns of the public files, cells that are safe in a spreadsheet |

This module imports nothing, so `import candidates` costs nothing. Import the types from their modules.
"""
