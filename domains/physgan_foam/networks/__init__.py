"""The networks of foams: the pointer net, critics of films, and a U-Net to compare with."""
