"""Writes of the register, by flow: redeem, check_in, settle, register."""
