"""ONNX Runtime: its LSTM node with sequence_lens, all graph optimisations, as many threads inside an operation as asked for, and
inputs and outputs bound to memory once, so that a call copies nothing. int8 by DynamicQuantizeLSTM, for which onnx_model.py quantises
the weights."""
import numpy
import onnx_model
import onnxruntime
import serve


def variants(case, threads, precision):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(onnx_model.build(case, precision), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, array in onnx_model.make_inputs(case).items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    for output in session.get_outputs():
        made = onnxruntime.OrtValue.ortvalue_from_shape_and_type(output.shape, numpy.float32)
        binding.bind_ortvalue_output(output.name, made)

    def call():
        session.run_with_iobinding(binding)

    def collect():
        return {"y": onnx_model.bring_y(binding.get_outputs()[0].numpy())}

    yield "onnxruntime", call, collect


if __name__ == "__main__":
    serve.serve("ONNX Runtime", onnxruntime.__version__, variants, lacks={"bf16": "no LSTM node in bf16 on CPUs"})
