"""The reports that come before a release's rows: that it was published, and which actors it names for the first
time. Both follow from the release alone, so that they are the same however often it is imported."""

from collections.abc import Iterator, Sequence

from ledger.datasets.entries import Dataset, Document, Release, tag
from ledger.datasets.survey import Survey
from ledger.domain.reports import Report

ACTORS_A_REPORT = 500


def release_report(dataset: Dataset, release: Release, survey: Survey) -> Report:
    """Says that a release was published: its name, its digest, its rows and what it speaks of."""
    scope = survey.scope
    period = f", {scope.first} to {scope.last}" if survey.keys else ""
    return Report.model_validate(
        {
            **_filing(dataset, release),
            "report_id": release.report_id,
            "title": f"Release {release.name} of {dataset.title}"[:200],
            "evidence": [{"sha256": release.sha256, "media_type": "text/csv"}],
            "claims": [
                {
                    "type": "StatementMade",
                    "incident_id": release.report_id,
                    "occurred": release.available.isoformat(),
                    "subject_matter": f"Release {release.name} of {dataset.title} is available: {survey.rows} rows"
                    f"{period}. SHA-256 of the unpacked file: {release.sha256}.",
                }
            ],
        }
    )


def actors_reports(dataset: Dataset, release: Release, actors: Sequence[Document]) -> Iterator[Report]:
    """Registers the actors that are new."""
    for start in range(0, len(actors), ACTORS_A_REPORT):
        chunk = actors[start : start + ACTORS_A_REPORT]
        # By the first of them: what is left after an import that was cut off is reported under the ids that it had.
        first = tag(chunk[0]["external_ids"][0]["id"])
        yield Report.model_validate(
            {
                **_filing(dataset, release),
                "report_id": f"{dataset.name}:actors:{release.slug}:{first}",
                "title": f"Actors that {dataset.title} names",
                "claims": chunk,
            }
        )


def _filing(dataset: Dataset, release: Release) -> Document:
    return {
        "source": {"name": dataset.title, "external_ids": [release.external_id]},
        "reported": release.available.isoformat(),
        "language": "en",
    }
