"""What passed, what failed, what was set aside, and what waits for whom: read from tables and verdicts, without Spark.

``aside`` reads the quarantine, ``ledger`` counts every raw row, ``verdicts`` reads what the gate said, ``line`` says
which step makes what from what, ``standing`` puts these together, and ``site`` writes pages of them.
"""
