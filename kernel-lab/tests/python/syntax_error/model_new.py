class ModelNew:
    def forward(self, x)
        return x
