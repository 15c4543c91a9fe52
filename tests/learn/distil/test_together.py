# ruff: noqa: E402
import dataclasses
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from typer.testing import CliRunner

import corelets
import tnemu
from tnemu.cli.main import app
from tnemu.formats.tensor_file import load_tensors
from tnemu.formats.weights import read_heads, read_weights
from tnemu.lab.board_player import FEW, board_player
from tnemu.learn.distil.distil import main, train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.stages import mean_share
from tnemu.learn.distil.states import States
from tnemu.learn.distil.training import Lesson, train
from tnemu.learn.eedn.heads import HeadError, heads_of, recalibrate
from tnemu.learn.eedn.student import Student
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import load_control, save_player
from tnemu.learn.run.trouble import Diverged
from tnemu.mapping.size import size_of
from tnemu.tasks.atari.spec import SPECS

GAMES = ("freeway", "pong")
FREEWAY, PONG = (dataclasses.replace(SPECS[game], max_frames=160) for game in GAMES)


def screens(count, seed, low=0, high=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, *FREEWAY.shape), dtype=torch.uint8, generator=generator)


def teacher(spec, seed, background):
    torch.manual_seed(seed)
    net = DuelNet(spec)
    net.background.fill_(background)
    return net.eval().requires_grad_(False)


@pytest.fixture
def student():
    """A student of two games with backgrounds 90 and 30, recalibrated on noise."""
    torch.manual_seed(0)
    grounds = [torch.full((42, 42), 90.4), torch.full((42, 42), 30.0)]
    heads = heads_of([FREEWAY, PONG], grounds)
    recalibrate(heads, [screens(40, 1, 60, 160), screens(40, 2, 0, 70)])
    return heads[0].student.eval(), heads


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Settings, weight file and folder of one whole training, small enough for seconds."""
    folder = tmp_path_factory.mktemp("together")
    files = []
    for seed, spec in enumerate((FREEWAY, PONG)):
        net = teacher(spec, seed, 90.4 - 60 * seed)
        files.append(str(folder / f"{spec.game}-teacher.safetensors"))
        save_player(files[-1], net, TEACHER, spec)
    settings = DistilSettings(
        GAMES,
        tuple(files),
        str(folder / "out"),
        states=96,
        dagger_rounds=1,
        dagger_states=48,
        worlds=4,
        batch=8,
        iterations=3,
        calibration=32,
        check_every=2,
        check_episodes=1,
        log_every=1,
        control_iterations=2,
    )
    return settings, train_student(settings), folder


def test_a_head_sees_its_screens_without_its_background_and_reads_its_actions(student):
    network, (freeway, pong) = student
    seen = screens(6, 3)
    assert network.actions == 3 + 6
    assert torch.equal(freeway.centre(seen), seen.float() - 90)
    votes = network.count(seen.float() - 30).detach()
    voters = 250
    torch.testing.assert_close(pong(seen), network.log_scale.exp() * votes[:, 3:] / voters)
    assert freeway(seen).shape == (6, 3)


def test_a_folded_game_votes_as_its_head(student):
    network, heads = student
    seen = screens(20, 4)
    for head in heads:
        file = head.fold("both", {})
        counted = network.count(head.centre(seen))[:, head.own].detach().numpy()
        np.testing.assert_array_equal(file.scores(seen.numpy()), counted)
        assert file.answers == head.spec.actions
        assert (file.name, file.task.name) == ("both", head.spec.game)


def test_every_voter_is_read_by_exactly_one_game(student):
    _, heads = student
    read = np.stack([head.classes >= 0 for head in heads])
    assert (read.sum(0) == 1).all()
    assert np.bincount(heads[0].classes + 1).tolist() == [250 * 6, *[250] * 3]
    assert np.bincount(heads[1].classes + 1).tolist() == [250 * 3, *[250] * 6]


def test_statistics_are_those_of_all_games_together(student):
    network, _ = student
    grounds = (90, 30)
    parts = (screens(40, 1, 60, 160), screens(40, 2, 0, 70))
    mixed = torch.cat([part.float() - g for part, g in zip(parts, grounds, strict=True)])
    sums = network.layers[0].sums(mixed).detach().double().transpose(0, 1).reshape(64, -1).numpy()
    np.testing.assert_allclose(network.layers[0].mean.numpy(), sums.mean(1), atol=1e-9)
    np.testing.assert_allclose(network.layers[0].variance.numpy(), sums.var(1), rtol=1e-9)


def test_one_game_with_two_block_layers_is_the_ordinary_student():
    torch.manual_seed(5)
    plain = Student(FREEWAY.shape, 3)
    torch.manual_seed(5)
    (head,) = heads_of([FREEWAY], [torch.full((42, 42), 90.4)])
    plain.background.fill_(90)
    single = head.student.state_dict()
    assert all(torch.equal(tensor, single[name]) for name, tensor in plain.state_dict().items())
    np.testing.assert_array_equal(head.classes, plain.classes)


def test_ten_games_take_the_cores_of_one():
    """Their voters share the last cores, which need no copies."""
    coarse = [dataclasses.replace(spec, block=8) for spec in list(SPECS.values())[:11]]
    sizes = []
    for specs in (coarse[:1], coarse):
        heads = heads_of(specs, [torch.zeros(21, 21)] * len(specs))
        sizes.append(size_of(corelets.Student(heads[0].fold("x", {}))))
    assert heads[0].student.actions > 100
    assert sizes[0].cores == sizes[1].cores
    assert sizes[0].latency_ticks == sizes[1].latency_ticks


def test_depth_is_the_number_of_block_layers():
    for depth in (1, 3):
        names = [layer.wiring.name for layer in Student(FREEWAY.shape, 3, depth=depth).layers]
        assert [n for n in names if "block" in n] == [f"block{k + 1}" for k in range(depth)]


@pytest.mark.parametrize("minibatch", ["all", "one"])
@pytest.mark.slow
def test_each_head_learns_what_its_own_teacher_does(minibatch):
    """Each teacher always does one thing, another than the other; by chance a head would agree with
    1/3 and 1/6.
    """
    torch.manual_seed(0)
    specs, wanted = (FREEWAY, PONG), (2, 4)
    heads = heads_of(specs, [torch.full((42, 42), 128.0)] * 2, depth=1)
    lessons = []
    for k, spec in enumerate(specs):
        q = np.tile(np.eye(len(spec.actions), dtype=np.float32)[wanted[k]], (48, 1))
        lessons.append(Lesson.begin(States(screens(48, k).numpy(), q), hold_out=3, tau=0.3))
    settings = DistilSettings(
        GAMES, ("t", "t"), "o", minibatch=minibatch, batch=16, iterations=30, calibration=32
    )
    steps = settings.minibatches("stage0")
    result = train(heads, lessons, steps, 0.1, settings, 1, lambda row: None)
    assert min(result[f"{game}_val_agree"] for game in GAMES) > 0.8
    assert not heads[0].student.training


@pytest.mark.slow
def test_heads_differ_in_background_and_vote_alone(run):
    _, path, _ = run
    assert path.name == "student.safetensors"
    one, two = read_heads(path)
    assert (one.task.name, two.task.name) == GAMES
    assert one.name == two.name == "freeway+pong"
    assert one.provenance == two.provenance
    assert list(one.provenance["teacher_sha256"]) == list(GAMES)
    np.testing.assert_array_equal(one.transduction.weights, two.transduction.weights)
    np.testing.assert_array_equal(one.transduction.thresholds, two.transduction.thresholds)
    assert (one.transduction.background == 90).all()
    assert (two.transduction.background == 30).all()
    for a, b in zip(one.layers[1:-1], two.layers[1:-1], strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
        np.testing.assert_array_equal(a.thresholds, b.thresholds)
        np.testing.assert_array_equal(a.order, b.order)


@pytest.mark.slow
def test_one_board_image_plays_every_game(run):
    _, path, _ = run
    students = [corelets.Student(head) for head in read_heads(path)]
    images = [tnemu.fit(student, tnemu.load_board("ns1e")).image for student in students]
    assert images[0].sha256() == images[1].sha256()
    for field in dataclasses.fields(images[0]):
        one, two = (getattr(image, field.name) for image in images)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, two)
    assert images[0].outputs == images[1].outputs
    seen = screens(FEW + 1, 9).numpy()
    for game in GAMES:
        votes, spec = board_player(path, "ns1e", FEW + 1, game)
        weights = read_weights(path, game)
        assert spec.game == game
        np.testing.assert_array_equal(votes(seen), weights.scores(seen))  # on boards abreast
        np.testing.assert_array_equal(votes(seen[:2]), weights.scores(seen[:2]))  # on one in turn


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_that_never_stopped(run, tmp_path):
    settings, path, _ = run
    before, out = path.read_bytes(), path.parent
    for name in ("stage1.hidden.safetensors", "references.json"):
        (out / name).unlink()
    shutil.rmtree(out / "round1-pong")
    rows = []
    again = train_student(settings, True, rows.append)
    assert again.read_bytes() == before
    assert {row["stage"] for row in rows} == {"stage1"}, "only what is missing is trained again"


@pytest.mark.slow
def test_a_stage_that_diverges_leaves_the_last_good_one_to_go_on_from(run, tmp_path):
    settings, path, _ = run
    shutil.copytree(path.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "stage1.hidden.safetensors").unlink()
    wild = dataclasses.replace(settings, out=str(tmp_path), later_learning_rate=1e38)
    with pytest.raises(Diverged) as caught:
        train_student(wild, True, lambda row: None)
    assert str(caught.value).endswith(
        f"; the last good stage is kept in {tmp_path}/stage0.*; go on with --resume and a smaller "
        "--later-learning-rate (it was 1e+38)"
    )
    again = dataclasses.replace(settings, out=str(tmp_path))
    assert train_student(again, True, lambda row: None).name == path.name


def test_the_command_in_the_provenance_repeats_the_run_and_prints_the_file(run, capsys):
    _, path, _ = run
    provenance = read_weights(path, "pong").provenance
    words = provenance["command"].split()
    assert words[:5] == ["python", "-m", "tnemu.learn.distil", *GAMES]
    assert main([*words[3:], "--resume"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    assert read_weights(path, "pong").provenance == provenance, "the settings were read back"


def test_shares_are_scaled_per_game():
    references = {"a": {"teacher": 30.0, "random": 10.0}, "b": {"teacher": -5.0, "random": -20.0}}
    scores = {"a": [20.0, 30.0], "b": [-20.0]}
    assert mean_share(scores, references) == pytest.approx((0.75 + 0) / 2)
    assert mean_share({"a": [7.0]}, {"a": {"teacher": 4.0, "random": 4.0}}) == 3.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("freeway pong --teachers F", "1 teachers for 2 games (freeway, pong); give one teacher"),
        (
            "pong --teachers nothing",
            "cannot read nothing: No such file or directory",
        ),
        ("pong --teachers F", "plays 'freeway', not 'pong'; choose its game or another file"),
        ("freeway freeway --teachers F F", "games repeat: freeway, freeway; name each game once"),
        ("freeway --teachers F --minibatch two", "minibatch is 'two'; choose 'all' or 'one' game"),
        (
            "freeway --teachers F --blocks 0",
            "blocks is 0, a student has 1 or more; choose --blocks",
        ),
    ],
)
def test_what_cannot_be_trained_together_is_refused(run, tmp_path, arguments, message):
    settings, _, _ = run
    words = [settings.teachers[0] if word == "F" else word for word in arguments.split()]
    result = CliRunner().invoke(app, ["learn", "together", *words, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert message in result.output


def test_games_of_different_screens_are_refused():
    fine = dataclasses.replace(PONG, block=2)
    with pytest.raises(HeadError, match=r"freeway \[4, 42, 42\], pong \[4, 84, 84\]\), one retina"):
        heads_of([FREEWAY, fine], [torch.zeros(42, 42), torch.zeros(84, 84)])


def test_the_float_control_of_several_games_is_a_player_of_each(run):
    """Every option of one game is there for several: the control is stored for each game alone."""
    _, path, folder = run
    stages = read_weights(path, "freeway").provenance["stages"]
    assert [stage["stage"] for stage in stages] == ["stage0", "stage1", "control"]
    for spec in (FREEWAY, PONG):
        control, trained_under = load_control(folder / "out" / f"control-{spec.game}.safetensors")
        assert trained_under == spec
        assert control(screens(5, 1)).shape == (5, len(spec.actions))


@pytest.mark.parametrize("precision", ["trinary", "float"])
def test_a_head_alone_gives_the_logits_of_its_game(precision):
    grounds = [torch.full((42, 42), 90.4), torch.full((42, 42), 30.0)]
    heads = heads_of([FREEWAY, PONG], grounds, 1, 1, precision)
    recalibrate(heads, [screens(40, 1, 60, 160), screens(40, 2, 0, 70)])
    heads[0].student.eval()
    for head, ground in zip(heads, (90, 30), strict=True):
        alone = head.alone()
        assert (alone.background == ground).all()
        torch.testing.assert_close(alone(screens(6, 3)), head(screens(6, 3)))


@pytest.mark.slow
def test_loss_hysteresis_sparsity_and_a_share_of_the_teachers_are_there_for_several_games(
    run, tmp_path
):
    settings, _, _ = run
    told = dataclasses.replace(
        settings, out=str(tmp_path), loss="mse", hysteresis=0.1, sparsity=1e-4, teacher_share=0.5,
        control_iterations=0, device="cpu", iterations=1, minibatch="one",
    )  # fmt: skip
    provenance = read_weights(train_student(told, report=lambda row: None), "pong").provenance
    for word in ("--loss mse", "--hysteresis 0.1", "--sparsity 0.0001", "--teacher-share 0.5"):
        assert word in provenance["command"]
    assert len(np.load(tmp_path / "round1-pong" / "q.npy")) == 48
    kept = load_tensors(tmp_path / "stage0.hidden.safetensors")
    assert set(np.unique(kept["layers.1.kept"])) <= {-1, 0, 1}
    assert provenance["stages"][0]["iterations"] == 2, "as many of each game"
