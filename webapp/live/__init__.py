"""What every open page of a signed-in member is told, whatever page it is: one socket, typed messages."""
