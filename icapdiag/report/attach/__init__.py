"""Attach a finished file to a ticket: an attachment in Jira or ServiceNow, a comment on GitHub, a copy in a folder.

The only part of ``report`` that uses the network: it connects only to the given address.
"""
