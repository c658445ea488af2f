"""Text retrieval: product texts, text vectors and their neighbours.

| module | contents |
|---|---|
| `product_text` | `product_texts`: one text per product |
| `sentence` | `SentenceEncoder`: vectors from a sentence-transformers model |
| `lexical` | `Lexicon`: vectors from character n-grams |
| `hnsw` | `NmslibIndex`: approximate nearest neighbours |
| `tfidf` | `TfidfIndex`: the baseline that a text model has to beat |
"""
