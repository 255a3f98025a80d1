"""Further passes of the network, as Captum runs them: counted, stopped between batches, shared by all findings."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from core.explain.evidence import Evidence, reached
from core.explain.replay import IMAGES


class Passes(nn.Module):
    """The network for the films that a path or sampling method of Captum makes.

    Captum gets `films`, one copy of the film per finding, and `findings`, the finding of each copy. So it makes the
    same films from every copy; each of them runs once, with one backward pass per finding.
    A method that hooks the network's layers must call it only once, since others may use the network between batches.

    layer: gives the features of the stage, for layer methods of Captum.
    size:  films that run at once.
    """

    def __init__(
        self,
        evidence: Evidence,
        findings: Sequence[int],
        *,
        count: int,
        after: str = IMAGES,
        added: Callable[[int, int], Tensor] | None = None,
        size: int | None = None,
    ) -> None:
        """count: films to come, for the progress.
        after: the stage of `layer`, or "images" for methods of the film.
        added: (start, stop) -> (stop - start, C, S, S) values added to these films, such as noise.
        """
        super().__init__()
        self.network = evidence.network  # a child, so that Captum finds its ReLUs
        self.layer = nn.Identity()
        self.size = size or evidence.batch(graph=True)
        self._evidence, self._numbers, self._count, self._after, self._added = evidence, findings, count, after, added
        self._ran = self._waiting = 0
        self._last: _Last | None = None

    @property
    def films(self) -> Tensor:
        """(F N, C, S, S), a leaf that takes gradients."""
        return self._evidence.images.repeat(len(self._numbers), 1, 1, 1).requires_grad_()

    @property
    def findings(self) -> Tensor:
        """(F N,) the finding of each film."""
        images = self._evidence.images
        return torch.tensor(self._numbers, device=images.device).repeat_interleave(len(images))

    @property
    def rows(self) -> int:
        """Copies that Captum may hand in at once: its `internal_batch_size`."""
        return self.size * len(self._numbers)

    def forward(self, rows: Tensor, findings: Tensor) -> Tensor:
        """(n,) the logit of each row's own finding; rows (n, C, S, S), findings (n,)."""
        self._let_others_in()
        places = [(findings == number).nonzero().flatten() for number in self._numbers]
        films = rows[places[0]].detach()
        if self._added is not None:
            films = films + self._added(self._ran, self._ran + len(films))
        known = self._last if self._last is not None and torch.equal(films[0], self._last.film) else None
        self._last = None
        self._waiting = len(films) - (known is not None)
        self._ran += self._waiting
        source = rows
        if self._after != IMAGES:
            features = self._features(films, known)
            copies = features.new_empty((len(rows), *features.shape[1:]))
            for place in places:
                copies[place] = features
            source = self.layer(copies)
        scores: Tensor = _Scores.apply(self, films, places, known, source)  # type: ignore[no-untyped-call]
        return scores

    def gradients(self, films: Tensor) -> Tensor:
        """(F, n, C, S, S) of each finding's logit in films (n, C, S, S)."""
        rows = films.repeat(len(self._numbers), 1, 1, 1).requires_grad_()
        findings = torch.tensor(self._numbers, device=films.device).repeat_interleave(len(films))
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self(rows, findings).sum(), rows)
        return gradient.reshape(len(self._numbers), *films.shape)

    def close(self) -> None:
        """Reports the last batch; after Captum has removed its hooks. Raises: Stopped."""
        self._last = None
        self._let_others_in()

    def _let_others_in(self) -> None:
        if not self._ran:
            self._evidence.work.expect(self._count)
        waiting, self._waiting = self._waiting, 0
        with torch.enable_grad():  # Captum may have switched it off, and other work runs in this thread meanwhile
            self._evidence.work.step(waiting)

    def _features(self, films: Tensor, known: "_Last | None") -> Tensor:
        """(n, K, h, w) of the stage."""
        fresh = films if known is None else films[1:]
        if self._after == self.network.last_stage:
            self._evidence.ran(forwards=len(fresh), backwards=0)  # otherwise the pass on to the logits is counted
        with torch.no_grad():
            features = reached(self.network, fresh, self._after)
        return features if known is None else torch.cat([known.features, features])


class _Last:
    """The last film of a batch with its results: layer conductance begins its next batch with it."""

    def __init__(self, film: Tensor, features: Tensor, logits: Tensor, gradients: list[Tensor]) -> None:
        self.film, self.features, self.logits, self.gradients = film, features, logits, gradients


class _Scores(Function):
    """The logits of many rows, of which those at `places[i]` are alike for each finding i."""

    @staticmethod
    def forward(
        context: Any, passes: Passes, films: Tensor, places: list[Tensor], known: _Last | None, source: Tensor
    ) -> Tensor:
        flow = films if passes._after == IMAGES else source[places[0]].detach()
        leaf = (flow if known is None else flow[1:]).detach().requires_grad_()
        with torch.enable_grad():
            logits = passes._evidence.tape.run(leaf, after=passes._after)
        whole = logits.detach() if known is None else torch.cat([known.logits, logits.detach()])
        scores = whole.new_empty(len(source))
        for number, place in zip(passes._numbers, places, strict=True):
            scores[place] = whole[:, number]
        context.passes, context.films, context.places, context.known = passes, films, places, known
        context.flow, context.leaf, context.logits, context.shape = flow, leaf, logits, source.shape
        return scores

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> tuple[None, None, None, None, Tensor]:
        passes, leaf, logits, known = context.passes, context.leaf, context.logits, context.known
        film_slopes = leaf.new_empty(context.shape)
        whole = []
        for index, (number, place) in enumerate(zip(passes._numbers, context.places, strict=True)):
            with torch.enable_grad():
                logit = logits[:, number].sum()
            last = index == len(context.places) - 1
            (gradient,) = torch.autograd.grad(logit, leaf, retain_graph=not last)
            whole.append(gradient if known is None else torch.cat([known.gradients[index], gradient]))
            film_slopes[place] = whole[-1] * slopes[0][place].reshape(-1, *[1] * (film_slopes.dim() - 1))
            if passes._after != passes.network.last_stage:  # else through the head alone, as in Tape.gradient
                passes._evidence.ran(forwards=0, backwards=len(leaf))
        if passes._after != IMAGES:
            passes._last = _Last(
                context.films[-1], context.flow[-1:], logits.detach()[-1:], [each[-1:] for each in whole]
            )
        return None, None, None, None, film_slopes


def explained(
    evidence: Evidence, key: Hashable, attribute: Callable[[Passes], Tensor], *, count: int, **options: Any
) -> Tensor:
    """(N, ...) Captum's result for this finding; Captum is called once for all findings `together`.

    key:       what the attribution depends on besides film, finding and stage: name and settings.
    attribute: calls Captum with the films and findings of the passes; gives (F N, ...).
    count, options: as in Passes.
    """

    def make(findings: Sequence[int]) -> dict[int, Tensor]:
        passes = Passes(evidence, findings, count=count, **options)
        attributions = attribute(passes).detach()
        passes.close()
        return dict(zip(findings, torch.split(attributions, len(evidence.images)), strict=True))

    return evidence.shared(("captum", key, options.get("after")), make)


class Altered:
    """The network for the films that a perturbation method of Captum makes: (n, C, S, S) -> (n,) logits of the finding.

    The film itself costs nothing, and each batch runs once for all findings with the same key.

    film: (1, C, S, S) to hand to Captum.
    size: films that run at once, Captum's `perturbations_per_eval`.
    """

    def __init__(self, evidence: Evidence, key: Hashable, count: int) -> None:
        """count: altered films to come, for the progress. Raises: ValueError where there are several images."""
        self.film = evidence.image[None]
        self.size: int = evidence.tape.remember(("altered", key, "size"), lambda: evidence.batch(graph=False))
        self._evidence, self._count, self._calls = evidence, count, 0
        self._batches: list[Tensor] = evidence.tape.remember(("altered", key), list)

    def __call__(self, films: Tensor) -> Tensor:
        tape, finding = self._evidence.tape, self._evidence.finding
        if films is self.film:
            return tape.logits[:, finding]
        if self._calls == len(self._batches):
            if not self._batches:
                self._evidence.work.expect(self._count)
            with torch.inference_mode():
                self._batches.append(tape.run(films))
            with torch.enable_grad():  # Captum has switched it off, and other work runs in this thread meanwhile
                self._evidence.work.step(len(films))
        self._calls += 1
        return self._batches[self._calls - 1][:, finding]


def batches(count: int, size: int) -> list[tuple[int, int]]:
    """(start, stop) of each."""
    return [(start, min(start + size, count)) for start in range(0, count, size)]
