"""Reading the register: who belongs in it, policies, marks, totals, what was not taken."""
