"""OpenVINO: the ONNX model compiled for the CPU for latency, in float32, with as many threads as asked for; inputs share memory."""
import onnx_model
import openvino
import serve

CORE = openvino.Core()


def variants(case, threads, _):
    compiled = CORE.compile_model(CORE.read_model(model=onnx_model.build(case)), "CPU",
                                  {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                   "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    inputs = onnx_model.make_inputs(case)
    for name, array in inputs.items():
        request.set_tensor(name, openvino.Tensor(array, shared_memory=True))

    def call():
        request.infer()

    def collect():
        return {"y": onnx_model.bring_y(request.get_output_tensor(0).data)}

    yield "openvino", call, collect


if __name__ == "__main__":
    serve.serve("OpenVINO", openvino.__version__.split("-")[0], variants,
                lacks=dict.fromkeys(("bf16", "int8"), "run in f32 alone"))
