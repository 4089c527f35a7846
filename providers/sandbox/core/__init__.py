"""What both twins are built from: clock, timetable, faults, webhook sender, control API, server."""
