"""What this software is made of: locked by hash, listed, held against known vulnerabilities.

    python -m supply_chain lock | bill | audit

docs/supply-chain.md says what each is good for, and what it leaves out.
"""
