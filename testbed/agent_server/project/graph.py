"""The graph that the real Agent Server runs in tests: its input says how the run ends.

It runs inside the server's own virtual environment and is copied into a throw-away folder first.
`act` is one of

- `succeed`: one step;
- `fail`: raises ValueError, an agent's own mistake;
- `recurse`: never stops by itself, so the recursion limit does;
- `retry`: raises what the server takes for its own trouble, so it tries again until it gives up;
- `sleep`: waits `amount` seconds, and may be cancelled or timed out;
- `stream`: `amount` steps, each a chunk of the stream;
- `custom`: `amount` events of the agent's own making;
- `chat`: a model that answers word by word;
- `ask`: stops and waits for someone's answer.
"""

import asyncio

from langchain_core.language_models import FakeListChatModel
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from langgraph_runtime_inmem.retry import RetryableException


class State(MessagesState, total=False):
    """What goes in (`act`, `amount`), and how many steps were made."""

    act: str
    amount: float
    steps: int


async def step(state: State) -> dict[str, object]:
    """Do once what the input asks for."""
    amount = state.get("amount", 3)
    done: dict[str, object] = {"steps": state.get("steps", 0) + 1}
    match state.get("act"):
        case "fail":
            message = "asked to fail"
            raise ValueError(message)
        case "retry":
            message = "asked to be tried again"
            raise RetryableException(message)
        case "sleep":
            await asyncio.sleep(amount)
        case "custom":
            write = get_stream_writer()
            for part in range(int(amount)):
                write({"part": part})
        case "chat":
            model = FakeListChatModel(responses=["one two three"])
            done["messages"] = [await model.ainvoke("count")]
        case "ask":
            interrupt("may I?")
    return done


def again(state: State) -> str:
    """Go round once more, or stop."""
    act = state.get("act")
    more = act == "stream" and state["steps"] < state.get("amount", 3)
    return "step" if act == "recurse" or more else END


graph = (
    StateGraph(State)
    .add_node("step", step)
    .add_edge(START, "step")
    .add_conditional_edges("step", again, ["step", END])
    .compile()
)
