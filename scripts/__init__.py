"""One thin module per rule: reads inputs, calls the library, writes outputs."""
