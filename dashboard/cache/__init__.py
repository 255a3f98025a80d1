"""Results that are computed once and shared by all sessions; the only folder with st.cache_*.

Values are read-only, so they are kept without a copy (`cache_resource`): a hit costs a tenth of a millisecond.
"""
