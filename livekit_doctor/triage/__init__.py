"""Many calls at once: each by the step at which it broke, and the code that its log rows alone allow.

One definition, restated as one SQL statement (`statement`), so that it runs where the rows are. What a state says
(`mapping`), what breaks where (`plan`) and which code that is (`outcomes`) is asked of the code that `trace` uses.
"""
