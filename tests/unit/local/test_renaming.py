"""What leaves under a public name holds no inner one, and no path."""

from google.protobuf.json_format import MessageToDict, ParseDict

from fourplane_wire.inference import read_index, read_reported_model
from fourplane_wire.inference_config import rename_model_config
from inference import grpc_service_pb2 as pb
from inference import model_config_pb2 as config_pb

TENSOR = {"data_type": "TYPE_INT32", "dims": [4]}
CONFIG = {
    "name": "inner",
    "platform": "ensemble",
    "backend": "python",
    "runtime": "secret.so",
    "version_policy": {"specific": {"versions": [3]}},
    "max_batch_size": 8,
    "input": [{"name": "x", **TENSOR, "optional": True}],
    "output": [{"name": "y", **TENSOR, "label_filename": "secret.txt"}],
    "batch_input": [{"kind": "BATCH_ITEM_SHAPE", "target_name": ["secret"], "source_input": ["x"]}],
    "batch_output": [{"target_name": ["secret"], "source_input": ["x"]}],
    "optimization": {
        "execution_accelerators": {
            "gpu_execution_accelerator": [{"name": "tensorrt", "parameters": {"cache": "/secret"}}]
        }
    },
    "instance_group": [
        {
            "name": "inner_0",
            "kind": "KIND_GPU",
            "count": 2,
            "gpus": [0],
            "profile": ["secret"],
            "host_policy": "secret",
        },
        {"name": "secret", "count": 1},
    ],
    "default_model_filename": "secret.py",
    "cc_model_filenames": {"8.0": "secret.plan"},
    "metric_tags": {"team": "secret"},
    "parameters": {"EXECUTION_ENV_PATH": {"string_value": "/secret"}},
    "model_warmup": [{"name": "secret", "inputs": {"x": {"input_data_file": "secret"}}}],
    "model_operations": {"op_library_filename": ["/secret.so"]},
    "model_transaction_policy": {"decoupled": True},
    "model_repository_agents": {"agents": [{"name": "vault", "parameters": {"token": "secret"}}]},
    "response_cache": {"enable": True},
    "model_metrics": {"metric_control": [{"metric_identifier": {"family": "secret"}}]},
}


def renamed(**also):
    config = ParseDict(CONFIG | also, config_pb.ModelConfig())
    reply = rename_model_config(pb.ModelConfigResponse(config=config).SerializeToString(), "public")
    assert b"inner" not in reply
    assert b"secret" not in reply
    return pb.ModelConfigResponse.FromString(reply).config


def test_a_configuration_leaves_without_names_of_others_files_and_the_machine():
    shown = renamed(
        ensemble_scheduling={
            "step": [{"model_name": "inner", "model_version": 1, "input_map": {"x": "secret"}}],
            "max_inflight_requests": 3,
        }
    )
    assert MessageToDict(shown, preserving_proto_field_name=True) == {
        "name": "public",
        "platform": "ensemble",
        "backend": "python",
        "max_batch_size": 8,
        "input": [{"name": "x", "data_type": "TYPE_INT32", "dims": ["4"], "optional": True}],
        "output": [{"name": "y", "data_type": "TYPE_INT32", "dims": ["4"]}],
        "instance_group": [
            {"name": "public_0", "kind": "KIND_GPU", "count": 2},
            {"name": "public_1", "count": 1},
        ],
        "model_transaction_policy": {"decoupled": True},
        "response_cache": {"enable": True},
        "ensemble_scheduling": {"max_inflight_requests": 3},
    }


def test_a_kind_of_scheduling_is_shown_even_where_nothing_of_it_is():
    assert renamed(ensemble_scheduling={"step": [{"model_name": "inner"}]}).HasField("ensemble_scheduling")
    assert renamed(dynamic_batching={}).HasField("dynamic_batching")


def test_a_sequence_model_stays_one_without_the_files_of_its_state():
    shown = renamed(
        sequence_batching={
            "oldest": {"max_candidate_sequences": 4},
            "max_sequence_idle_microseconds": 5,
            "state": [{"input_name": "secret", "initial_state": [{"name": "n", "data_file": "secret"}]}],
        }
    ).sequence_batching
    assert (shown.oldest.max_candidate_sequences, shown.max_sequence_idle_microseconds) == (4, 5)
    assert not shown.state


def test_a_field_that_is_not_known_does_not_leave():
    unknown = b"\xfa\x07\x06secret"  # field 127
    hidden = pb.ModelConfigResponse(config={"name": "inner"}).config.SerializeToString() + unknown
    reply = b"\x0a" + bytes((len(hidden),)) + hidden + unknown
    assert b"secret" not in rename_model_config(reply, "public")


def test_an_index_is_read_with_and_without_versions():
    reply = pb.RepositoryIndexResponse(
        models=[
            {"name": "a", "version": "2", "state": "READY"},
            {"name": "b", "version": "1", "state": "UNAVAILABLE"},
        ]
    )
    assert read_index(reply.SerializeToString()) == {("a", "2"), ("a", "")}


def test_a_reported_contract_joins_metadata_and_configuration():
    metadata = pb.ModelMetadataResponse(inputs=[{"name": "x", "datatype": "INT32", "shape": [-1, 4]}])
    config = pb.ModelConfigResponse(
        config={"input": [{"name": "x", "optional": True}], "model_transaction_policy": {"decoupled": True}}
    )
    found = read_reported_model(metadata.SerializeToString(), config.SerializeToString())
    assert found.decoupled
    assert (found.inputs[0].optional, found.inputs[0].shape) == (True, (-1, 4))
