"""Packet captures, pcap and pcapng, to ICAP transactions: files, packets, streams, conversations, facts.

No I/O of its own: whoever calls gives the bytes. What a capture holds raises nothing: it is bounded, counted, noted.
"""
