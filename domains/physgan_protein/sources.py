"""BibTeX of what a run on proteins rests on."""

CITATIONS = """@inproceedings{jang2017gumbel,
  title = {Categorical Reparameterization with {Gumbel}-Softmax},
  author = {Jang, Eric and Gu, Shixiang and Poole, Ben},
  booktitle = {International Conference on Learning Representations},
  year = {2017},
  eprint = {1611.01144},
  archiveprefix = {arXiv},
}

@article{repecka2021proteingan,
  title = {Expanding functional protein sequence spaces using generative adversarial networks},
  author = {Repecka, Donatas and Jauniskis, Vykintas and Karpus, Laurynas and others},
  journal = {Nature Machine Intelligence},
  volume = {3},
  pages = {324--333},
  year = {2021},
  doi = {10.1038/s42256-021-00310-5},
}

@article{kucera2022proteogan,
  title = {Conditional generative modeling for de novo protein design with hierarchical functions},
  author = {Kucera, Tim and Togninalli, Matteo and Meng-Papaxanthos, Laetitia},
  journal = {Bioinformatics},
  volume = {38},
  pages = {3454--3461},
  year = {2022},
  doi = {10.1093/bioinformatics/btac353},
}
"""
