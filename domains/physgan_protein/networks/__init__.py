"""The networks of proteins: encoder, generator, critic and predictors."""
