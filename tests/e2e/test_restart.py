"""Stored data survives a restart of everything."""

from __future__ import annotations

from tests.e2e.conftest import Running
from tests.e2e.person import Person


async def test_images_credits_and_keys_survive_a_restart(running: Running, person: Person) -> None:
    accepted = await person.submit({"prompt": "a stone bridge", "size": "256x256"})
    await person.finished(accepted["id"])
    before = (await person.http.get(f"/api/sets/{accepted['setId']}")).json()
    balance = await person.credits()
    await running.restart()
    after = (await person.http.get(f"/api/sets/{accepted['setId']}")).json()
    assert [image["id"] for image in after["images"]] == [image["id"] for image in before["images"]]
    assert (await person.http.get(after["images"][0]["url"], headers={"authorization": ""})).status_code == 200
    assert await person.credits() == balance
    again = await person.submit({"prompt": "the same bridge in winter", "size": "256x256"})
    assert (await person.finished(again["id"]))["status"] == "completed"
