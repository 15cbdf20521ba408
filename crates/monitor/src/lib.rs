//! What goes through a forward, told in many ways from the same facts.
