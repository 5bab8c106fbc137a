"""An installation of the reference is taken over: read in one snapshot, mapped, written as entries of the journal, or refused."""
