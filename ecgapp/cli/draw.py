"""The command that draws sheets: render."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ecgapp.cli.common import (
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_USAGE,
    at_least_one,
    new_file,
    printable,
    read_file,
)
from ecgapp.errors import Refusal

if TYPE_CHECKING:
    from ecgapp.ecg import Signals


def _picture_path(text: str) -> Path:
    """Read an argument that must name a picture to write, so that a wrong one is wrong usage."""
    path = new_file(text)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise argparse.ArgumentTypeError(f"{text!r} should end in .png or .jpg")
    return path


def _leads(text: str) -> tuple[str, ...]:
    """Read an argument that lists the leads of up to three rhythm strips."""
    from ecgapp.ecg import LEADS, RHYTHM_STRIPS

    leads = tuple(text.split(","))
    if unknown := [lead for lead in leads if lead not in LEADS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no lead; there are {','.join(LEADS)}")
    if len(leads) > len(RHYTHM_STRIPS):
        raise argparse.ArgumentTypeError(f"{text!r} has more than {len(RHYTHM_STRIPS)} leads")
    return leads


def add_render(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``render``."""
    from ecgapp.ecg import LAYOUTS
    from ecgapp.synthesis.edan_geometry import TEMPLATES
    from ecgapp.synthesis.vendors import VENDORS

    parser.description = (
        "Draws ten seconds of twelve leads as a sheet. The table has the columns "
        "time_s,I,II,III,aVR,aVL,aVF,V1,...,V6 in mV at 500 Hz, empty where a lead is not known. "
        f"The layouts {', '.join(TEMPLATES)} without any other option give the page of the "
        "machine that printed the public data set (2213 x 1572 pixels, 200 dpi, 25 mm/s, "
        "10 mm/mV); the options below draw sheets of other machines. Exits with 3 when the table "
        "cannot be read."
    )
    parser.add_argument("signals", type=Path, metavar="SIGNALS.csv")
    parser.add_argument(
        "-o", "--output", type=_picture_path, required=True, metavar="PAGE.png", help="the page"
    )
    layouts = tuple(dict.fromkeys((*TEMPLATES, *LAYOUTS)))
    parser.add_argument("--layout", choices=layouts, default="3x4", help="default 3x4")
    parser.add_argument(
        "--strips",
        type=_leads,
        metavar="LEADS",
        help="leads to print over ten seconds below the rows, as in II,V1,V5; default none",
    )
    parser.add_argument("--vendor", choices=tuple(VENDORS), help="look of the sheet; default pink")
    parser.add_argument("--speed", type=float, choices=(25, 50), help="mm/s; default 25")
    parser.add_argument("--gain", type=float, choices=(5, 10, 20), help="mm/mV; default 10")
    parser.add_argument(
        "--photo",
        type=at_least_one,
        metavar="SEED",
        help="photograph the sheet by hand, the SEED-th way",
    )
    parser.set_defaults(run=_run_render)


def _run_render(arguments: argparse.Namespace) -> int:
    from ecgapp.ecg import LAYOUTS
    from ecgapp.io.signals_csv import read_signals_csv
    from ecgapp.synthesis.edan import DPI, render
    from ecgapp.synthesis.edan_geometry import TEMPLATES

    options = ("strips", "vendor", "speed", "gain", "photo")
    native = all(getattr(arguments, option) is None for option in options)
    if not native and arguments.layout not in LAYOUTS:
        print(f"--layout {arguments.layout} takes no other option", file=sys.stderr)
        return EXIT_USAGE
    try:
        signals = read_signals_csv(read_file(arguments.signals))
    except Refusal as refusal:
        print(printable(f"{arguments.signals}: {refusal}"), file=sys.stderr)
        return EXIT_REFUSED
    if native and arguments.layout in TEMPLATES:
        render(signals, arguments.layout).save(arguments.output, dpi=(DPI, DPI))
    else:
        _draw_other_sheet(signals, arguments)
    return EXIT_OK


def _draw_other_sheet(signals: Signals, arguments: argparse.Namespace) -> None:
    from ecgapp.ecg import LAYOUTS, MM_PER_MV, MM_PER_S
    from ecgapp.synthesis.degrade import photograph
    from ecgapp.synthesis.draw import draw_sheet
    from ecgapp.synthesis.edan import DPI
    from ecgapp.synthesis.vendors import VENDORS

    # A photograph needs a sheet that is sharper than itself.
    dpi = DPI if arguments.photo is None else 2 * DPI
    drawn = draw_sheet(
        signals,
        LAYOUTS[arguments.layout],
        arguments.strips or (),
        VENDORS[arguments.vendor or "pink"],
        arguments.speed or MM_PER_S,
        arguments.gain or MM_PER_MV,
        px_per_mm=dpi / 25.4,
    )
    if arguments.photo is None:
        drawn.image.save(arguments.output, dpi=(dpi, dpi))
    else:
        photograph(drawn, arguments.photo).image.save(arguments.output)
