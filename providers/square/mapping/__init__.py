"""Square's JSON into records and drafts into Square's JSON: pure, and the one home of differences between API versions."""
