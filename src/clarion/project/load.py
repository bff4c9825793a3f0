"""Reading a project folder: everything it publishes, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from clarion.domain.locale import fallbacks
from clarion.domain.suggest import did_you_mean
from clarion.domain.workflow import Channel, ChannelStep, Workflow
from clarion.errors import Invalid
from clarion.project.binding_file import read_bindings
from clarion.project.categories import unknown_categories
from clarion.project.defaults import WorkflowDefaults
from clarion.project.files import list_files, read_text
from clarion.project.lint import lint
from clarion.project.mistake import Mistake, Severity, any_error, in_order
from clarion.project.project import Draft, Project
from clarion.project.schedule_file import read_schedules
from clarion.project.settings_file import read_settings_file
from clarion.project.word_file import TABLES, WordFile
from clarion.project.words import TEMPLATE_KEYS, Group, Words, reachable, read_all_words, source
from clarion.project.workflow_file import WorkflowFile, read_workflow
from clarion.templates.errors import TemplateFault
from clarion.templates.shape import SHAPES, Shape
from clarion.templates.source import Bundle


def load_project(folder: Path, defaults: WorkflowDefaults | None = None) -> tuple[Project | None, list[Mistake]]:
    """The project in *folder*, and every mistake in it, in the order of files and lines.

    There is no project when one of the mistakes is an error; warnings do not stand in the way. *defaults* come from
    the folder's own ``clarion.toml`` unless given.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        return None, [Mistake(file=str(folder), message="there is no such folder")]
    values, lines, mistakes = read_settings_file(folder)
    defaults = defaults or WorkflowDefaults.from_values(values)
    files, in_workflows = _workflows(folder, defaults)
    words, in_words = read_all_words(folder)
    mistakes += in_workflows + in_words
    drafts = []
    for file in files:
        draft, wrong = _draft(file, words, defaults.default_locale, in_words)
        drafts.append(draft)
        mistakes += [*wrong, *_check_sender(file, defaults)]
    mistakes += _unused(words, {file.workflow.key: file.workflow for file in files}, folder)
    if not any_error(in_workflows):  # a file that is spoilt may have had it
        mistakes += unknown_categories(values, lines, {one.workflow.category for one in files if one.workflow.category})
    # A workflow whose file is spoilt is there all the same.
    bindings, in_bindings = read_bindings(folder, {path.stem for path in (folder / "workflows").glob("*.yaml")})
    schedules, in_schedules = read_schedules(folder, {path.stem for path in (folder / "workflows").glob("*.yaml")})
    mistakes += in_bindings + in_schedules
    if any_error(mistakes):
        return None, in_order(mistakes)
    project = Project(
        folder=folder,
        default_locale=defaults.default_locale,
        workflows=tuple(drafts),
        bindings=tuple(bindings),
        schedules=tuple(schedules),
    )
    return project, in_order(mistakes)


def _workflows(folder: Path, defaults: WorkflowDefaults) -> tuple[list[WorkflowFile], list[Mistake]]:
    found: list[WorkflowFile] = []
    mistakes: list[Mistake] = []
    try:
        paths = list(list_files(folder, "workflows"))
    except Invalid as error:
        return [], [Mistake(file="workflows", message=error.message)]
    for path in paths:
        file = path.relative_to(folder).as_posix()
        if path.parent != folder / "workflows" or path.suffix != ".yaml":
            hint = f"rename it to {path.stem}.yaml" if path.suffix == ".yml" else "workflows are workflows/<key>.yaml"
            severity = Severity.ERROR if path.suffix in (".yml", ".yaml") else Severity.WARNING
            mistakes.append(Mistake(file=file, message="it is not read as a workflow", hint=hint, severity=severity))
            continue
        try:
            workflow, wrong = read_workflow(read_text(folder, path), file, path.stem, defaults)
        except Invalid as error:
            workflow, wrong = None, [Mistake(file=file, message=error.message)]
        mistakes += wrong
        found += [workflow] if workflow else []
    if not paths and not any(any((folder / other).glob("*.yaml")) for other in ("bindings", "schedules")):
        message = "there are no workflows yet"
        hint = "write workflows/<key>.yaml"
        mistakes.append(Mistake(file="workflows", message=message, hint=hint, severity=Severity.WARNING))
    return found, mistakes


def _draft(
    file: WorkflowFile, words: Words, default_locale: str, in_words: list[Mistake]
) -> tuple[Draft, list[Mistake]]:
    """The workflow of *file* with its words, and what is missing between the two."""
    workflow = file.workflow
    templates = words.templates.get(workflow.key, {})
    used = {step.template: templates[step.template] for step in workflow.channel_steps if step.template in templates}
    layouts = reachable(used.values(), words.layouts)
    bundle = Bundle(
        templates={name: source(name, group) for name, group in sorted(used.items())},
        layouts={name: source(name, words.layouts[name]) for name in sorted(layouts)},
    )
    mistakes: list[Mistake] = []
    # What a spoilt file lacks is not known: nothing follows from it.
    spoilt = {mistake.file.partition(".")[0] for mistake in in_words if mistake.severity is Severity.ERROR}
    for step, place in zip(workflow.steps, file.places, strict=True):
        if not isinstance(step, ChannelStep) or step.channel is Channel.WEBHOOK:  # which has no words
            continue
        group = templates.get(step.template)
        whole = f"templates/{workflow.key}/{step.template}" not in spoilt
        if group is not None:
            mistakes += _check_step(step, group, workflow, default_locale, whole=whole)
        elif whole:
            mistakes.append(_missing(step, workflow, templates, file.file, place))
    read = {word.part.file: word for group in [*used.values(), *words.layouts.values()] for word in group}
    mistakes += _check_bundle(bundle, default_locale, [*mistakes, *in_words], read)
    if any(step.channel is Channel.EMAIL for step in workflow.channel_steps):
        mistakes += lint(bundle)
    return Draft(workflow=workflow, bundle=bundle, file=file.file), mistakes


def _check_sender(file: WorkflowFile, defaults: WorkflowDefaults) -> Iterator[Mistake]:
    """Mails must come from somebody. A warning: the environment of those who send may know who."""
    mails = any(step.channel is Channel.EMAIL for step in file.workflow.channel_steps)
    if mails and not file.says_sender and not defaults.sender:
        hint = "set `email.from` in clarion.toml, or `sender` here"
        yield Mistake(file=file.file, message="its mails have no sender", hint=hint, severity=Severity.WARNING)


def _missing(
    step: ChannelStep, workflow: Workflow, templates: Mapping[str, Group], file: str, place: tuple[int, int]
) -> Mistake:
    wanted = f"templates/{workflow.key}/{step.template}.{SHAPES[step.channel].kinds[0]}"
    hint = f"write {wanted}" + (f", or {did_you_mean(step.template, templates)}" if templates else "")
    message = f"the step `{step.key}` has no template `{step.template}`"
    return Mistake(file=file, line=place[0], column=place[1], message=message, hint=hint)


def _check_step(
    step: ChannelStep, group: Group, workflow: Workflow, default_locale: str, *, whole: bool
) -> Iterator[Mistake]:
    """What *group* lacks to be a template of *step*'s channel."""
    shape = SHAPES[step.channel]
    usable = [word for word in group if word.part.kind in shape.kinds]
    last_resort = {None, *fallbacks(None, default_locale)}
    if whole and usable and not any(word.part.locale in last_resort for word in usable):
        wanted = f"templates/{workflow.key}/{step.template}.{usable[0].part.kind}"
        message = f"there are no words for locales without a file of their own (nor for `{default_locale}`)"
        yield usable[0].mistake(message, f"write {wanted}")
    for word in group:
        if word.part.kind not in shape.kinds:
            yield word.mistake(f"{shape.noun} is plain text", "write it as a .txt file")
        for key in sorted(TEMPLATE_KEYS - shape.keys):
            if key in (word.places if key in TABLES else word.part.matter):
                yield word.mistake(f"`{key}` means nothing to the channel `{step.channel.value}`", key=key)
    for word in _without_head(shape, usable) if whole else ():
        example = f"begin the file with ---, `{shape.head}: …`, ---"
        yield word.mistake(f"it has no `{shape.head}`", example)


def _without_head(shape: Shape, words: list[WordFile]) -> Iterator[WordFile]:
    """The first file of each locale in which none says the subject, or the title."""
    if shape.head is None:
        return
    by_locale: dict[str | None, list[WordFile]] = {}
    for word in words:
        by_locale.setdefault(word.part.locale, []).append(word)
    for same in by_locale.values():
        if not any(shape.head in word.part.matter for word in same):
            yield same[0]


def _check_bundle(
    bundle: Bundle, default_locale: str, known: list[Mistake], read: Mapping[str, WordFile]
) -> Iterator[Mistake]:
    """What the templates room finds; what is *known* already, with its line, is not told again without one.

    *read* are the files by their paths, which know where what is in the front matter stands.
    """
    from clarion.templates.compiled import compile_bundle  # the engine takes 0.2 s to import

    told = {mistake.file for mistake in known if mistake.severity is Severity.ERROR}
    try:
        compile_bundle(bundle, default_locale)
    except Invalid as error:
        for fault in error.faults:
            message, _, hint = fault.detail.partition("; ")
            file, line = (fault.file, fault.line) if isinstance(fault, TemplateFault) else (fault.pointer, None)
            if isinstance(fault, TemplateFault) and fault.key and file in read:
                yield read[file].mistake(message, hint or None, key=fault.key)
            elif line is not None or file not in told:
                yield Mistake(file=file, line=line, message=message, hint=hint or None)


def _unused(words: Words, workflows: Mapping[str, Workflow], folder: Path) -> Iterator[Mistake]:
    """Words that nobody would ever read."""
    used: list[Group] = []
    for key, templates in words.templates.items():
        steps = {step.template for step in workflows[key].channel_steps} if key in workflows else set[str]()
        if key not in workflows and not (folder / "workflows" / f"{key}.yaml").exists():
            hint = did_you_mean(key, workflows) if workflows else None
            message = f"there is no workflow `{key}`"
            yield Mistake(file=f"templates/{key}", message=message, hint=hint, severity=Severity.WARNING)
            continue
        used += templates.values()
        for name, group in templates.items():
            if key in workflows and name not in steps:
                message = f"no step of `{key}` uses this template"
                hint = did_you_mean(name, steps)
                yield Mistake(file=group[0].part.file, message=message, hint=hint, severity=Severity.WARNING)
    reached = reachable(used, words.layouts)
    for name, group in words.layouts.items():
        if name not in reached and name not in words.used:
            yield Mistake(file=group[0].part.file, message="no template uses this layout", severity=Severity.WARNING)
