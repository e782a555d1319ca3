"""What people read instead of the service's own words for states and outcomes."""

from __future__ import annotations

from typing import Final

from dashboards.theme import Text

STATES: Final = {
    "available": Text("livre", "available"),
    "ringing": Text("tocando", "ringing"),
    "busy": Text("ocupado", "busy"),
    "wrap_up": Text("pós-atendimento", "wrap-up"),
    "paused": Text("em pausa", "paused"),
    "offline": Text("fora", "offline"),
}
"""Of an agent."""
OUTCOMES: Final = {
    "answered_in_target": Text("atendido no prazo", "answered in target"),
    "answered_late": Text("atendido tarde", "answered late"),
    "abandoned_short": Text("desistiu logo", "abandoned at once"),
    "abandoned_in_target": Text("desistiu no prazo", "abandoned in target"),
    "abandoned_late": Text("desistiu tarde", "abandoned late"),
    "callback_in_target": Text("pediu retorno no prazo", "asked for a callback in target"),
    "callback_late": Text("pediu retorno tarde", "asked for a callback late"),
    "transferred": Text("transferido", "transferred"),
    "overflowed": Text("transbordou", "overflowed"),
    "timed_out": Text("tempo esgotado", "timed out"),
    "closed": Text("fila fechada", "queue closed"),
    "key_exit": Text("saiu por tecla", "left by a key"),
    "unknown_exit": Text("fim desconhecido", "end unknown"),
}
"""How a contact left its queue."""
PLANS: Final = {
    "opened": Text("abertos", "opened"),
    "recovered": Text("recuperados", "recovered"),
    "cancelled": Text("cancelados", "cancelled"),
    "expired": Text("vencidos", "expired"),
    "blocked": Text("bloqueados", "blocked"),
}
"""What became of callback plans."""
ATTEMPTS: Final = {
    "answered": Text("atendido", "answered"),
    "no_answer": Text("não atendeu", "no answer"),
    "busy": Text("ocupado", "busy"),
    "failed": Text("falhou", "failed"),
    "invalid_number": Text("número inválido", "invalid number"),
    "refused": Text("recusado", "refused"),
    "voicemail": Text("caixa postal", "voicemail"),
    "abandoned": Text("desistiu na fila", "abandoned in the queue"),
    "no_result": Text("sem resultado", "no result"),
}
"""What came of calling somebody back."""
