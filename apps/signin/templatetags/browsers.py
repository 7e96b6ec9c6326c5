"""Browsers in words, for templates of the sign-in library."""

from django import template

from apps.signin.user_agents import browser_words

register = template.Library()
register.filter("browser_words", browser_words)
