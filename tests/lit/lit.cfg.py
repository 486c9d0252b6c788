# lit's configuration. tests/lit/CMakeLists.txt passes the folders of the tools as parameters.
import lit.formats

config.name = "flexc"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".flex"]
config.test_source_root = lit_config.params["source"]
config.test_exec_root = lit_config.params["scratch"]
config.environment["PATH"] = lit_config.params["tools"]
config.substitutions.append(("%emit_stage", lit_config.params["emit_stage"]))
