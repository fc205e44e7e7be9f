"""Several reports held side by side: what each of them says of a member, a virtual service and the whole, and when.

Pure: reports and answers of the Controller come in, typed facts go out. Runbooks with ``source: joined`` judge them.
"""
