"""A finished file put where its readers are: attached in Jira or ServiceNow, a comment on GitHub, in a folder.

The only part of ``report`` that uses the network, and only to the address that was given.
"""
