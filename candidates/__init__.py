"""The vocabulary of the house: the nouns in which every wing speaks.

| module | nouns |
|---|---|
| `product`, `catalogue`, `feeds` | `Product`, `Refusal`, `Catalogue`, feed readers |
| `axis`, `run`, `provenance`, `vectors` | `Axis`, `Run`, `Candidates`, `Vectors` |
| `qrels`, `filters` | `Qrels`, `Filter` |
| `contracts`, `exact`, `collapse` | `Encoder`, `Index`, exact search, pictures to products |
| `settings`, `errors`, `artifacts` | what a person chooses, what goes wrong, how files are written |

This module imports nothing, so `import candidates` costs nothing; import the nouns from their modules.
"""
