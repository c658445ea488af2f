"""The text wing: product text, sentence vectors, and the neighbours that texts have.

| module | gives |
|---|---|
| `product_text` | `product_texts`: what a product says, as one text |
| `sentence` | `SentenceEncoder`: texts to vectors |
| `hnsw` | `NmslibIndex`: approximate neighbours of vectors |
| `tfidf` | `TfidfIndex`: the baseline that a text model has to beat |
"""
