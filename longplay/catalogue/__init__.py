"""The catalogue: every signal as a static site, made from definitions and tables without Spark.

``scan`` reads a source's values in batches and sums them, ``standing`` makes figures of the sums, ``chart`` and
``timeline`` place them on a drawing, ``words``, ``formula`` and ``versions`` say what a definition means, ``found`` and
``uses`` say who uses it and how, and ``site`` puts it all into the templates.
"""
