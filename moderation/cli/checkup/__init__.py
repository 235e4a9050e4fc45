"""What ``winnow doctor`` looks at.

Owns the findings: what is well, what is odd, what is broken, and how to mend it. Refuses to mend anything itself, and
to show a secret.
"""
