"""The appendices' derivations, executed: one module of SymPy per appendix, and their checks.

The book's appendix pages show a formula, derive it with these functions and assert that both
agree; the tests hand wrong formulas to the same checks and see them fail.
"""
