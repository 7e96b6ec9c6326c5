"""Programs that run on this machine: the embedded servers, and what starts, watches and ends them.

Imports no Django: settings name the embedded servers before there are any.
"""
